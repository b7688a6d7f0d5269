package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

// Config says what to run and for how long.
type Config struct {
	// Program is the path of duplex, and Address where it listens, host:port, each time.
	Program string
	Address string

	// Args are more arguments of duplex serve. Default: none.
	Args []string

	// Data is a directory for what the server keeps; "" for a server that keeps nothing.
	Data string

	// WipeData removes Data whenever the server is killed. Then promises are broken,
	// and Check has to say so.
	WipeData bool

	// Seed makes the decisions of a run. When they come true is up to the machine.
	Seed uint64

	// Duration is how long there is trouble. What follows takes up to half a minute.
	Duration time.Duration

	// Acks is how many messages are to be acknowledged: on a machine that is so busy that
	// they are not after Duration, there is trouble until they are. Default 0.
	Acks int

	// Log is told of restarts. Default: nobody is.
	Log func(format string, args ...any)
}

// topics are those that everything happens on.
var topics = []string{"chaos.a", "chaos.b", "chaos.c-d"}

// filters are those with wildcards.
var filters = []string{"chaos.*", "chaos.>"}

// slowTopics have subscribers that do not keep up: one ends them, the other leaves out the
// oldest.
var slowTopics = []string{"slow.disconnect", dropTopic}

const dropTopic = "slow.drop"

// logged returns the topics whose logs are compared with everything.
func logged() []string { return slices.Concat(topics, slowTopics) }

// everything has the server keep all of a log.
const everything = " messages=10000000 bytes=unlimited age=7d "

// rules say what the topics do. The server loses patience with slow readers soon.
var rules = []string{
	"state latest messages=3 lag=64KiB",
	"quotes latest slow=conflate lag=4MiB" + everything, // so much of it is in memory
	dropTopic + " slow=drop-oldest lag=64KiB" + everything,
	"slow.disconnect lag=64KiB" + everything,
	roomTopic + " presence=100ms grace=500ms",
	">" + everything + "lag=128KiB",
}

// calmPatience is how long everybody has to get to the end when the trouble is over.
const calmPatience = 2 * time.Minute

// A run is a Run under way.
type run struct {
	Config
	rec    *recorder
	proxy  *Proxy
	server *program
	ctx    context.Context // of everything
	rng    *rand.Rand
	begin  map[string]Cursor // where subscribers of topics begin

	between time.Duration // bounds the time between two messages of one publisher

	calm        chan struct{} // closed when the trouble is over
	stop        chan struct{} // closed when nothing more is published
	publishers  sync.WaitGroup
	subscribers sync.WaitGroup
	attached    sync.WaitGroup // subscribers that have not begun
	bursts      sync.WaitGroup // slow subscribers that will still have something published
	people      sync.WaitGroup // of the room
}

// Run runs a server, and everything that uses and troubles it, and returns what happened.
// An error means that there was no run.
func Run(ctx context.Context, c Config) (*History, error) {
	if c.Log == nil {
		c.Log = func(string, ...any) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &History{
		Durable: c.Data != "", Window: sessionWindow, Ends: make(map[string]Cursor), Farewells: make(map[string]int),
		Keyed: []*Keyed{{Topic: "state"}, {Topic: "quotes", Conflates: true}},
	}
	r := &run{
		Config: c, rec: newRecorder(h), ctx: ctx,
		rng:   rand.New(rand.NewPCG(c.Seed, 0)), //nolint:gosec // a run is to be repeatable
		begin: make(map[string]Cursor), between: 120 * time.Millisecond,
		calm:   make(chan struct{}),
		stop:   make(chan struct{}),
		server: &program{path: c.Program, address: c.Address, args: slices.Clone(c.Args)},
	}
	for _, rule := range rules {
		r.server.args = append(r.server.args, "--topic", rule)
	}
	if c.Duration > 5*time.Minute {
		r.between *= 4 // all that happens is kept in memory
	}
	if c.Data != "" {
		r.server.args = append(r.server.args, "--data", c.Data)
	}
	if err := r.server.start(ctx); err != nil {
		return nil, err
	}
	defer r.server.kill()
	var err error
	if r.proxy, err = NewProxy(c.Address, c.Seed); err != nil {
		return nil, err
	}
	defer r.proxy.Close()
	err = r.all()
	cancel()
	r.subscribers.Wait()
	r.publishers.Wait()
	r.people.Wait()
	h.Trouble = append(h.Trouble, r.server.trouble...)
	return h, err
}

// sessionWindow is the window of the server, and the two messages that may come on top.
const sessionWindow = 256<<10 + 2*(maxSize+MessageCost)

// all is the course of a run.
func (r *run) all() error {
	for _, topic := range logged() {
		page, err := r.history(topic, Cursor{})
		if err != nil {
			return err
		}
		r.begin[topic] = page.at
	}
	r.subscribe()
	if !r.within(&r.attached) {
		return errors.New("not all subscribers began")
	}
	r.publish()
	r.attendAll()
	r.proxy.Disturb()
	r.trouble()
	r.becalm()
	if err := r.finish(); err != nil {
		return err
	}
	r.within(&r.subscribers) // those that do not end are in the history
	r.log("the subscribers are at the end")
	r.log("the observers know who is present: %v", r.settle())
	if r.Data != "" {
		if err := r.comeLate(); err != nil {
			return err
		}
	}
	for _, topic := range logged() {
		if err := r.readLog(topic); err != nil {
			return err
		}
	}
	r.log("the log is read")
	if err := r.server.term(); err != nil {
		r.rec.trouble("%v", err)
	}
	r.log("the server has ended")
	return nil
}

// becalm ends the trouble, and then what is published.
func (r *run) becalm() {
	close(r.calm)
	r.proxy.Calm()
	if !r.within(&r.bursts) {
		r.rec.trouble("not all slow subscribers were slow in the calm")
	}
	close(r.stop)
	if !r.within(&r.publishers) {
		r.rec.trouble("not all publishers were told that their messages are stored")
	}
	r.log("all that was published is stored")
}

// comeLate kills the server once more, and has subscribers begin with what is on its disk
// while nothing is published. What they have made it read is then in its memory when the log
// is read.
func (r *run) comeLate() error {
	r.rec.killed()
	r.server.kill()
	if err := r.server.start(r.ctx); err != nil {
		return err
	}
	for i, topic := range topics {
		s := r.rec.subscriber(Subscriber{Name: fmt.Sprintf("late-%d", i), Form: LateForm, Filter: topic})
		a := r.actor(s.Name)
		r.attached.Add(1)
		r.subscribers.Go(func() { a.subscribeClient(s) })
	}
	for _, k := range r.rec.h.Keyed {
		r.lateKeeper(k)
	}
	r.within(&r.subscribers)
	r.log("those who came late are at the end")
	return nil
}

// within waits for a group, not for ever.
func (r *run) within(group *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	timer := time.NewTimer(calmPatience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	case <-r.ctx.Done():
		return false
	}
}

// trouble kills the server, or ends it in order, and starts it again at once, until it is
// enough.
func (r *run) trouble() {
	until := time.Now().Add(r.Duration)
	for first := true; ; first = false {
		pause := 3*time.Second + time.Duration(r.rng.Int64N(int64(5*time.Second)))
		if left := time.Until(until); left < pause && r.rec.acks() >= r.Acks {
			r.pause(left)
			return
		}
		if !r.pause(pause) {
			return
		}
		if err := r.restart(r.rng.IntN(4) == 0 && !first); err != nil {
			r.rec.trouble("%v", err)
			return
		}
	}
}

// pause lets d pass. It returns false if the run is over.
func (r *run) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

func (r *run) restart(inOrder bool) error {
	began := time.Now()
	if inOrder {
		r.rec.h.Terms++
		if err := r.server.term(); err != nil {
			r.rec.trouble("%v", err)
		}
	} else {
		r.rec.killed()
		r.server.kill()
	}
	down := time.Since(began)
	if r.WipeData {
		if err := os.RemoveAll(r.Data); err != nil {
			return err
		}
	}
	err := r.server.start(r.ctx)
	r.log("restarted, in order: %v; down after %v, up after %v", inOrder,
		down.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	return err
}

// log tells how far the run is.
func (r *run) log(format string, args ...any) {
	r.Log("%v: %s", r.rec.now().Round(time.Millisecond), fmt.Sprintf(format, args...))
}

// publish starts the publishers.
func (r *run) publish() {
	start := func(name string, f func(a *actor)) {
		a := r.actor(name)
		r.publishers.Go(func() { f(a) })
	}
	for i, topic := range topics {
		start(fmt.Sprintf("raw-%d", i), func(a *actor) { a.publishRaw(topic) })
	}
	start("json-1", func(a *actor) { a.publishJSON(1, a.messages(InOrder)) })
	start("json-8", func(a *actor) { a.publishJSON(8, a.messages(AnyOrder)) })
	start("post", func(a *actor) { a.publishPost(a.messages(InOrder)) })
	start("trickle", func(a *actor) { a.publishPost(a.trickle()) })
	start("key-json", func(a *actor) { a.publishJSON(1, a.changes(a.size, r.rec.h.Keyed...)) })
	start("key-post", func(a *actor) { a.publishPost(a.changes(a.size, r.rec.h.Keyed...)) })
	start("batch", (*actor).publishBatch)
	start("go", (*actor).publishClient)
}

// subscribe starts the subscribers of all forms.
func (r *run) subscribe() {
	start := func(name string, f func(a *actor), subs ...*Subscriber) {
		a := r.actor(name)
		r.attached.Add(len(subs))
		r.subscribers.Go(func() { f(a) })
	}
	for i, topic := range topics {
		add := func(form string, session bool, f func(a *actor, s *Subscriber)) {
			name := fmt.Sprintf("%s-%d", form, i)
			s := r.rec.subscriber(Subscriber{Name: name, Form: form, Filter: topic, Session: session})
			start(name, func(a *actor) { f(a, s) }, s)
		}
		add("session", true, (*actor).subscribeSession)
		add("after", false, (*actor).subscribeAfter)
		add("client", false, (*actor).subscribeClient)
		add("sse", false, (*actor).subscribeEvents)
		add("poll", false, (*actor).subscribePoll)
	}
	r.subscribeSlow()
	for _, k := range r.rec.h.Keyed {
		r.keepAll(k)
	}
	var many []*Subscriber
	for i, filter := range slices.Concat(topics, filters) {
		many = append(many, r.rec.subscriber(Subscriber{Name: fmt.Sprintf("json-%d", i), Form: "json", Filter: filter}))
	}
	start("json", func(a *actor) { a.subscribeJSON(many) }, many...)
	for i, filter := range filters {
		s := r.rec.subscriber(Subscriber{Name: fmt.Sprintf("client-w%d", i), Form: "client", Filter: filter})
		start(s.Name, func(a *actor) { a.subscribeClient(s) }, s)
		e := r.rec.subscriber(Subscriber{Name: fmt.Sprintf("sse-w%d", i), Form: "sse", Filter: filter})
		start(e.Name, func(a *actor) { a.subscribeEvents(e) }, e)
	}
}
