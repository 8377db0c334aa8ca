package message

import "strings"

// Clone copies the finding with its texts, which are parts of the lines that it was found in.
func (f Finding) Clone() Finding {
	f.own = strings.Clone(f.own)
	if f.session != nil {
		f.session = f.session.clone()
	}
	return f
}

func (s *Session) clone() *Session {
	c := *s
	c.TLS.Trust, c.TLS.Version, c.TLS.Cipher = strings.Clone(c.TLS.Trust), strings.Clone(c.TLS.Version), strings.Clone(c.TLS.Cipher)
	c.Disconnect = strings.Clone(c.Disconnect)
	c.Checks = append([]SessionCheck(nil), s.Checks...) // their texts are copies already, see Sessions.addMention
	c.RelaysTried = append([]TriedRelay(nil), s.RelaysTried...)
	for i := range c.RelaysTried {
		r := &c.RelaysTried[i]
		r.Relay, r.Text = r.Relay.clone(), strings.Clone(r.Text)
	}
	c.DeliveryTLS = append([]RelayTLS(nil), s.DeliveryTLS...)
	for i := range c.DeliveryTLS {
		r := &c.DeliveryTLS[i]
		r.Relay = r.Relay.clone()
		r.TLS.Trust, r.TLS.Version, r.TLS.Cipher = strings.Clone(r.TLS.Trust), strings.Clone(r.TLS.Version), strings.Clone(r.TLS.Cipher)
	}
	return &c
}

func (r Relay) clone() Relay {
	r.Hostname, r.IP, r.Name = strings.Clone(r.Hostname), strings.Clone(r.IP), strings.Clone(r.Name)
	return r
}
