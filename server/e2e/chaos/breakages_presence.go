package chaos

import "slices"

// spoilRoom spoils what was told of presence.
func (b *breaker) spoilRoom(add func(name string, kind Kind, spoiled *History)) {
	if b.h.Room == nil {
		return
	}
	add("one who comes is not told", Missing, b.inFrames(func(f []Presence, i int) bool {
		return isNews(f, i) && slices.ContainsFunc(f[i].Join, func(name string) bool { return !viewBefore(f, i)[name] })
	}, func(p *Presence) { p.Join = nil }))
	add("one who leaves is not told", Missing, b.inFrames(func(f []Presence, i int) bool {
		return isNews(f, i) && slices.ContainsFunc(f[i].Leave, func(name string) bool { return viewBefore(f, i)[name] }) && len(f[i].Join) == 0
	}, func(p *Presence) { p.Leave = nil }))
	add("one who is here is not told", Missing, b.inFrames(func(f []Presence, i int) bool { return len(f[i].Here) > 0 },
		func(p *Presence) { p.Here = p.Here[1:] }))
	add("nobody is told who is here", Late, b.inFrames(func(f []Presence, i int) bool { return f[i].First && f[i].Full },
		func(p *Presence) { p.Full = false }))
	add("a stranger is present", Vanished, b.inFrames(func([]Presence, int) bool { return true },
		func(p *Presence) { p.Join = append(slices.Clone(p.Join), "stranger") }))
	add("one is missing at the end", Behind, b.inFrames(func(f []Presence, i int) bool { return i == len(f)-1 },
		func(p *Presence) { p.Leave = append(slices.Clone(p.Leave), b.h.Room.Members[0]) }))
}

// isNews tells whether frame i is at least the second change behind one that tells all.
func isNews(f []Presence, i int) bool {
	return i > 1 && !f[i].Full && !f[i].More && !f[i].First && !f[i-1].Full && !f[i-1].First
}

func viewBefore(f []Presence, i int) map[string]bool { return (&Observer{Frames: f[:i]}).view() }

// inFrames returns the history with one frame of an observer that suits changed by f.
func (b *breaker) inFrames(suits func(f []Presence, i int) bool, f func(p *Presence)) *History {
	room := *b.h.Room
	for _, i := range b.rng.Perm(len(room.Observers)) {
		o := *room.Observers[i]
		o.Frames = slices.Clone(o.Frames)
		at := b.anywhere(len(o.Frames), func(i int) bool { return suits(o.Frames, i) })
		if at < 0 {
			continue
		}
		f(&o.Frames[at])
		room.Observers = slices.Clone(room.Observers)
		room.Observers[i] = &o
		return &History{Durable: b.h.Durable, Room: &room}
	}
	return nil
}
