package chaos

import (
	"context"
	"encoding/json"
	"time"

	"github.com/duplexhq/duplex/websocket"
)

// roomTopic is where people come and go.
const roomTopic = "room"

// A presenceFrame is what tells of presence in duplex.v1.json.
type presenceFrame struct {
	Presence string
	Count    int
	Here     *[]string
	Join     []string
	Leave    []string
	More     bool
}

// attendAll starts all who come to the room.
func (r *run) attendAll() {
	room := &Room{Topic: roomTopic}
	r.rec.h.Room = room
	for _, m := range []struct {
		name   string // of the actor
		as     string
		member bool // is there at the end
		raw    bool
	}{
		{"watcher", "", false, false},
		{"member-1", "ann", true, false},
		{"member-2", "bob", true, false},
		{"member-3", "bob", true, false}, // another window of his
		{"member-4", "cid", true, true},
		{"guest-1", "dan", false, false},
		{"guest-2", "eve", false, false},
		{"guest-3", "eve", false, true},
		{"guest-4", "ann", false, true},
	} {
		switch {
		case m.as == "":
		case m.member:
			room.Members = append(room.Members, m.as)
		default:
			room.Guests = append(room.Guests, m.as)
		}
		a := r.actor("room-" + m.name)
		stays := m.member || m.as == ""
		if m.raw {
			r.people.Go(func() { a.attend(stays, topicPath(roomTopic, "as", m.as), nil, nil) })
			continue
		}
		o := &Observer{Name: a.name}
		if stays {
			room.Observers = append(room.Observers, o)
		}
		ask := map[string]any{"sub": roomTopic, "presence": true}
		if m.as != "" {
			ask["as"] = m.as
		}
		r.people.Go(func() { a.attend(stays, "/ws", ask, o) })
	}
}

// attend comes and goes until there is no trouble. Then it stays, or does not come back.
func (a *actor) attend(stays bool, path string, ask map[string]any, o *Observer) {
	for !a.isOver() && (stays || !a.isCalm()) {
		conn, err := a.socket(path)
		if err == nil {
			ctx, cancel := a.process()
			if stays || !a.isCalm() { // otherwise nothing would end ctx
				a.listen(ctx, conn, ask, o)
			}
			cancel()
			a.part(conn)
		}
		if pause := 2 * time.Second; !a.isCalm() {
			a.wait(pause) // some are away for longer than anybody waits for them
		} else {
			a.wait(pauseBefore)
		}
	}
}

// listen takes what an observer is told, until the end of ctx or the connection. A raw member
// takes what comes.
func (a *actor) listen(ctx context.Context, conn *websocket.Conn, ask map[string]any, o *Observer) {
	if ask != nil {
		p, err := json.Marshal(ask)
		if err != nil || conn.Write(ctx, websocket.Text, p) != nil {
			return
		}
	}
	for first := true; ; {
		a.idle()
		_, p, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var f presenceFrame
		if o == nil || json.Unmarshal(p, &f) != nil || f.Presence == "" {
			continue
		}
		frame := Presence{First: first, Count: f.Count, Join: f.Join, Leave: f.Leave, More: f.More}
		if frame.Full = f.Here != nil; frame.Full {
			frame.Here = *f.Here
		}
		a.rec.present(o, frame)
		first = false
	}
}

// present takes what an observer was told.
func (r *recorder) present(o *Observer, p Presence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.quiet {
		p.When = r.now()
		o.Frames = append(o.Frames, p)
	}
}

// settle waits until all observers know who is there, not for ever, and then listens no more.
// It tells whether they do.
func (r *run) settle() (settled bool) {
	known := func() bool {
		r.rec.mu.Lock()
		defer r.rec.mu.Unlock()
		room := r.rec.h.Room
		for _, o := range room.Observers {
			if !room.isRight(o) {
				return false
			}
		}
		return true
	}
	for until := time.Now().Add(calmPatience); !settled && time.Now().Before(until) && r.pause(50*time.Millisecond); {
		settled = known()
	}
	r.rec.mu.Lock()
	defer r.rec.mu.Unlock()
	r.rec.quiet = true
	return settled
}
