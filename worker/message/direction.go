package message

import (
	"slices"
	"strings"
)

// domainOf returns what follows the last "@" of an address, or nothing.
func domainOf(addr string) string {
	if at := strings.LastIndexByte(addr, '@'); at >= 0 {
		return addr[at+1:]
	}
	return ""
}

// direction tells whether the message goes out, comes in, stays within, or
// passes. An address without a domain is ours: Postfix completes such with its own. The
// null sender is ours where the server itself made the message.
func direction(d *Document, local []string) string {
	if len(local) == 0 || d.From == "" || len(d.To) == 0 {
		return ""
	}
	from := isLocal(d.From, local)
	if d.From == "<>" {
		from = d.Origin == "internal"
	}
	to := !slices.ContainsFunc(d.To, func(a string) bool { return !isLocal(a, local) })
	switch {
	case from && to:
		return "internal"
	case from:
		return "outbound"
	case slices.ContainsFunc(d.To, func(a string) bool { return isLocal(a, local) }):
		return "inbound"
	}
	return "relay"
}

func isLocal(addr string, local []string) bool {
	domain := strings.ToLower(domainOf(addr))
	if domain == "" {
		return true
	}
	return slices.ContainsFunc(local, func(l string) bool {
		return domain == l || strings.HasSuffix(domain, "."+l)
	})
}
