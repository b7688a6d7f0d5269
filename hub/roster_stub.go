package hub

type roster struct{}

func newRoster(func(string) *Settings, Engine, func(*PresenceChange)) *roster { return &roster{} }
func (*roster) close()                                                        {}
func (*roster) join(a, b string)                                              {}
func (*roster) leave(a, b string)                                             {}
func (*roster) full(t string) *PresenceChange                                 { return &PresenceChange{} }
func (*roster) page(t, a string, n int) PresencePage                          { return PresencePage{} }
func (*roster) count(t string) int                                            { return 0 }
func (*roster) present(a, b string, c, d []string)                            {}
