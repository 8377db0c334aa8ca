package loggen

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// grok adds the fields that the published patterns take out of a line, and leaves out what they miss: cleanup's verdicts,
// for one, have no postfix_queueid. It follows the patterns' faults on purpose and is no way to read a log.
func (f *fields) grok(program, text string) {
	if !strings.HasPrefix(program, "postfix") {
		return
	}
	i := strings.LastIndexByte(program, '/')
	if i < 0 {
		f.tag("_grok_postfix_program_nomatch")
		return
	}
	daemon := program[i+1:]
	ok := false
	switch daemon {
	case "smtpd":
		ok = f.smtpd(text)
	case "cleanup":
		ok = f.cleanup(text)
	case "qmgr":
		ok = f.qmgr(text)
	case "smtp", "lmtp":
		ok = f.delivery(text, "postfix_smtp_response") || f.smtp(text) || f.warning(text)
	case "virtual":
		ok = f.delivery(text, "postfix_smtp_response")
	case "local":
		ok = f.delivery(text, "postfix_local_response") || f.warning(text)
	case "pipe":
		ok = f.delivery(text, "postfix_pipe_response")
	case "error":
		ok = f.delivery(text, "postfix_error_response")
	case "discard":
		ok = f.delivery(text, "")
	case "pickup":
		ok = f.pickup(text)
	case "bounce":
		ok = f.bounce(text)
	case "postsuper":
		ok = f.postsuper(text)
	case "master":
		ok = f.master(text)
	case "postfix-script":
		daemon = "script"
	default:
		f.tag("_grok_postfix_program_nomatch")
		return
	}
	if ok {
		f.tags = append([]string{"_grok_postfix_success"}, f.tags...)
	} else {
		f.tag("_grok_postfix_" + daemon + "_nomatch")
	}
}

func (f *fields) tag(t string) { f.tags = append(f.tags, t) }

// queueID splits "ID: rest". NOQUEUE counts, as it does in the patterns.
func queueID(text string) (id, rest string, ok bool) {
	id, rest, ok = strings.Cut(text, ": ")
	if !ok || id != "NOQUEUE" && !IsShortID(id) && !isLongID(id) {
		return "", text, false
	}
	return id, rest, true
}

func isLongID(id string) bool { _, ok := LongIDTime(id); return ok }

func (f *fields) smtpd(text string) bool {
	if c, ok := strings.CutPrefix(text, "connect from "); ok {
		return f.client(c)
	}
	if c, ok := strings.CutPrefix(text, "disconnect from "); ok {
		c, counters, more := strings.Cut(c, " ")
		f.client(c)
		if more && !f.counters(counters) {
			f.string("postfix_command_counter_data", counters)
			f.tag("_grok_kv_postfix_cc_nomatch")
		}
		return true
	}
	if f.tls(text, " TLS connection established from ", f.client) {
		return true
	}
	if lost, c, ok := cutLast(text, " from "); ok && strings.HasPrefix(lost, "lost connection after ") {
		f.string("postfix_smtpd_lostconn_data", "lost connection")
		stage, _, _ := strings.Cut(strings.TrimPrefix(lost, "lost connection after "), " ")
		f.string("postfix_smtp_stage", stage)
		return f.client(c)
	}
	if id, rest, ok := queueID(text); ok {
		if kv, isClient := strings.CutPrefix(rest, "client="); isClient {
			f.string("postfix_queueid", id)
			c, kv, _ := strings.Cut(kv, ", ")
			f.client(c)
			f.keyValues(kv)
			return true
		}
		if rest, isReject := strings.CutPrefix(rest, "reject: "); isReject {
			return f.reject(id, rest)
		}
		return false
	}
	return f.warning(text)
}

// reject is STAGE from CLIENT: CODE DSN <DATA>: TEXT; key=value and so on.
func (f *fields) reject(id, rest string) bool {
	stage, rest, ok := strings.Cut(rest, " from ")
	c, rest, ok2 := strings.Cut(rest, "]: ")
	reply, kv, ok3 := cutLast(rest, "; ")
	if !ok || !ok2 || !ok3 || len(reply) < 10 {
		return false
	}
	f.string("postfix_queueid", id)
	f.string("postfix_action", "reject")
	f.string("postfix_smtp_stage", stage)
	f.client(c + "]")
	code, reply, _ := strings.Cut(reply, " ")
	f.integer("postfix_status_code", code)
	dsn, reply, _ := strings.Cut(reply, " ")
	f.string("postfix_status_code_enhanced", dsn)
	if strings.HasPrefix(reply, "<") {
		data, text, _ := strings.Cut(reply[1:], ">: ")
		f.string("postfix_status_data", data)
		reply = text
	}
	f.string("postfix_status_message", reply)
	f.keyValues(kv)
	return true
}

func (f *fields) cleanup(text string) bool {
	id, rest, ok := queueID(text)
	if !ok {
		return f.warning(text)
	}
	if mid, ok := strings.CutPrefix(rest, "message-id="); ok {
		f.string("postfix_queueid", id)
		if mid = strings.TrimSuffix(strings.TrimPrefix(mid, "<"), ">"); mid != "" {
			f.string("postfix_message-id", mid)
		}
		return true
	}
	if rest, ok := strings.CutPrefix(rest, "warning: "); ok {
		f.string("postfix_queueid", id)
		f.levelled("warning", rest)
		return true
	}
	return false
}

// warning is what the patterns take of "warning: …", with a queue id or a client in front or without.
func (f *fields) warning(text string) bool {
	rest, ok := strings.CutPrefix(text, "warning: ")
	if !ok {
		return false
	}
	if id, after, ok := queueID(rest); ok {
		f.string("postfix_queueid", id)
		rest = after
	} else if c, after, ok := strings.Cut(rest, "]: "); ok && strings.IndexByte(c, ' ') < 0 && strings.IndexByte(c, '[') > 0 {
		f.client(c + "]")
		rest = after
	}
	f.levelled("warning", rest)
	return true
}

func (f *fields) levelled(level, text string) {
	f.string("postfix_message_level", level)
	if msg, kv, ok := cutLast(text, "; "); ok && startsWithKey(kv) && !strings.Contains(kv, ";") {
		f.string("postfix_message", msg)
		f.keyValues(kv)
		return
	}
	f.string("postfix_message", text)
}

func (f *fields) qmgr(text string) bool {
	id, rest, ok := queueID(text)
	if !ok {
		return f.warning(text)
	}
	switch {
	case rest == "removed":
		f.string("postfix_queueid", id)
		f.string("postfix_message", rest)
	case strings.HasSuffix(rest, " (queue active)"):
		f.string("postfix_queueid", id)
		f.keyValues(strings.TrimSuffix(rest, " (queue active)"))
	case strings.HasSuffix(rest, ", status=expired, returned to sender"):
		f.string("postfix_queueid", id)
		f.keyValues(strings.TrimSuffix(rest, ", status=expired, returned to sender"))
		f.string("postfix_status", "expired")
	default:
		return false
	}
	return true
}

// delivery is ID: to=<…>, key=value, …, status=WORD (TEXT). A line without its last parenthesis is missed.
func (f *fields) delivery(text, response string) bool {
	id, rest, ok := queueID(text)
	if !ok || !strings.HasPrefix(rest, "to=<") || !strings.HasSuffix(rest, ")") {
		return false
	}
	kv, outcome, ok := strings.Cut(rest, " status=")
	if !ok {
		return false
	}
	status, reply, ok := strings.Cut(outcome, " (")
	if !ok {
		return false
	}
	f.string("postfix_queueid", id)
	f.string("postfix_status", status)
	if response != "" {
		f.string(response, reply[:len(reply)-1])
	}
	f.keyValues(kv)
	return true
}

func (f *fields) smtp(text string) bool {
	if rest, ok := strings.CutPrefix(text, "connect to "); ok {
		relay, why, ok := strings.Cut(rest, ": ")
		if !ok {
			return false
		}
		f.relay(relay)
		f.string("postfix_smtp_lostconn_data", why)
		return true
	}
	return f.tls(text, " TLS connection established to ", f.relay)
}

// tls is TRUST<between>PEER: PROTOCOL with cipher C (n/m bits) and what TLS 1.3 adds.
func (f *fields) tls(text, between string, peer func(string) bool) bool {
	trust, rest, ok := strings.Cut(text, between)
	if !ok {
		return false
	}
	p, rest, ok := strings.Cut(rest, ": ")
	version, rest, ok2 := strings.Cut(rest, " with cipher ")
	cipher, rest, ok3 := strings.Cut(rest, " (")
	size, rest, ok4 := strings.Cut(rest, " bits)")
	if !ok || !ok2 || !ok3 || !ok4 {
		return false
	}
	f.string("postfix_tls_trustlevel", trust)
	peer(p)
	f.string("postfix_tls_version", version)
	f.string("postfix_tls_cipher", cipher)
	f.string("postfix_tls_cipher_size", size)
	if rest, ok = strings.CutPrefix(rest, " key-exchange "); ok {
		kx, rest, _ := strings.Cut(rest, " server-signature ")
		f.string("postfix_tls_key_exchange", kx)
		sig, rest, _ := strings.Cut(rest, " (")
		f.string("postfix_tls_server_signature", sig)
		bits, digest, _ := strings.Cut(rest, " bits) server-digest ")
		f.integer("postfix_tls_server_signature_size", bits)
		f.string("postfix_tls_server_digest", digest)
	}
	return true
}

func (f *fields) pickup(text string) bool {
	id, rest, ok := queueID(text)
	if !ok || !strings.HasPrefix(rest, "uid=") {
		return false
	}
	f.string("postfix_queueid", id)
	f.keyValues(rest)
	return true
}

func (f *fields) bounce(text string) bool {
	id, rest, ok := queueID(text)
	what, child, ok2 := strings.Cut(rest, " notification: ")
	who, why, ok3 := strings.Cut(what, " ")
	if !ok || !ok2 || !ok3 {
		return false
	}
	f.string("postfix_queueid", id)
	f.string("postfix_bounce_recipient", who)
	f.string("postfix_bounce_reason", why)
	f.string("postfix_bounce_queueid", child)
	return true
}

func (f *fields) postsuper(text string) bool {
	if id, rest, ok := queueID(text); ok {
		switch rest {
		case "removed", "requeued", "placed on hold", "released from hold":
			f.string("postfix_queueid", id)
			f.string("postfix_postsuper_action", rest)
			return true
		}
		return false
	}
	action, n, ok := strings.Cut(text, ": ")
	n, _, ok2 := strings.Cut(n, " message")
	if !ok || !ok2 {
		return false
	}
	f.string("postfix_postsuper_summary_action", action)
	f.string("postfix_postsuper_summary_count", n)
	return true
}

func (f *fields) master(text string) bool {
	rest, ok := strings.CutPrefix(text, "daemon started -- version ")
	version, path, ok2 := strings.Cut(rest, ", configuration ")
	if !ok || !ok2 {
		return false
	}
	f.string("postfix_version", version)
	f.string("postfix_config_path", path)
	return true
}

// client is HOST[IP] with a port perhaps; a host name with an underscore stays as it is.
func (f *fields) client(c string) bool {
	host, ip, port, ok := hostIP(c)
	if !ok || !hostname(host) {
		f.string("postfix_client", c)
		f.tag("_grok_kv_postfix_client_nomatch")
		return true
	}
	f.string("postfix_client_hostname", host)
	if ip == "unknown" {
		f.string("postfix_client_ip_unknown", ip)
	} else {
		f.string("postfix_client_ip", ip)
	}
	if port != "" {
		f.integer("postfix_client_port", port)
	}
	return true
}

func (f *fields) relay(r string) bool {
	host, ip, port, ok := hostIP(r)
	switch {
	case ok && hostname(host):
		f.string("postfix_relay_hostname", host)
		if _, err := netip.ParseAddr(ip); err == nil {
			f.string("postfix_relay_ip", ip)
		} else {
			f.string("postfix_relay_service", ip)
		}
		if port != "" {
			f.integer("postfix_relay_port", port)
		}
	case !ok && word(r):
		f.string("postfix_relay_service", r)
	default:
		f.string("postfix_relay", r)
		f.tag("_grok_kv_postfix_relay_nomatch")
	}
	return true
}

// hostIP splits HOST[IP]:PORT.
func hostIP(s string) (host, ip, port string, ok bool) {
	host, rest, ok := strings.Cut(s, "[")
	if !ok || host == "" {
		return "", "", "", false
	}
	ip, port, ok = strings.Cut(rest, "]")
	return host, ip, strings.TrimPrefix(port, ":"), ok
}

func hostname(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alnum(c) && c != '.' && c != '-' {
			return false
		}
	}
	return s != ""
}

func word(s string) bool {
	for i := range len(s) {
		if !alnum(s[i]) {
			return false
		}
	}
	return s != ""
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

var commands = []string{"helo", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "bdat", "rset", "noop", "quit", "unknown"}

// counters is "ehlo=1 mail=1 rcpt=1/2 … commands=5/6", in Postfix's order. The patterns miss the whole where it has a command that they do not know.
func (f *fields) counters(s string) bool {
	at := len(f.b)
	next := 0
	for part := range strings.SplitSeq(s, " ") {
		name, value, _ := strings.Cut(part, "=")
		if name == "commands" {
			name = "count"
		} else {
			for next < len(commands) && commands[next] != name {
				next++
			}
			if next == len(commands) {
				f.b = f.b[:at]
				return false
			}
		}
		if accepted, all, ok := strings.Cut(value, "/"); ok {
			f.integer("postfix_cmd_"+name+"_accepted", accepted)
			value = all
		}
		f.integer("postfix_cmd_"+name, value)
	}
	return true
}

// keyValues is Logstash's kv filter over key=value pairs: split at spaces, commas and angle brackets trimmed, empty values left out,
// values that trimming empties kept, a key that comes again made an array. A quoted address with a space in it comes out cut or
// twice, as it does there.
func (f *fields) keyValues(s string) {
	pairs := f.pairs[:0]
	for part := range strings.SplitSeq(s, " ") {
		k, v, ok := strings.Cut(part, "=")
		if !ok || k == "" || v == "" || v == "<>" { // "<>," is something, of which nothing is left
			continue
		}
		pairs = append(pairs, pair{k, strings.Trim(v, "<>,")})
	}
	f.pairs = pairs
	for i, p := range pairs {
		if slices.ContainsFunc(pairs[:i], func(q pair) bool { return q.key == p.key }) {
			continue
		}
		if slices.ContainsFunc(pairs[i+1:], func(q pair) bool { return q.key == p.key }) {
			f.array("postfix_"+p.key, p.key, pairs[i:])
			continue
		}
		f.keyValue(p.key, p.value)
	}
}

func (f *fields) keyValue(k, v string) {
	switch k {
	case "client":
		f.client(v)
	case "relay":
		f.relay(v)
	case "delays":
		names := [...]string{"before_qmgr", "in_qmgr", "conn_setup", "transmission"}
		i := 0
		for d := range strings.SplitSeq(v, "/") {
			if i < len(names) {
				f.float("postfix_delay_"+names[i], d)
			}
			i++
		}
	case "delay":
		f.float("postfix_delay", v)
	case "size", "nrcpt":
		f.integer("postfix_"+k, v)
	case "status": // the patterns have taken it
	default:
		f.string("postfix_"+k, v)
	}
}

// array writes the values of every pair with that key. Those that are converted become numbers, by their leading digits, as Ruby has it.
func (f *fields) array(name, key string, pairs []pair) {
	f.name(name)
	sep := byte('[')
	for _, p := range pairs {
		if p.key != key {
			continue
		}
		f.b = append(f.b, sep)
		sep = ','
		switch key {
		case "size", "nrcpt", "delay":
			n := 0
			for n < len(p.value) && n < 15 && p.value[n] >= '0' && p.value[n] <= '9' {
				n++
			}
			digits := strings.TrimLeft(p.value[:n], "0")
			f.b = append(f.b, cmp.Or(digits, "0")...)
			if key == "delay" {
				f.b = append(f.b, ".0"...)
			}
		default:
			f.b = append(f.b, '"')
			f.b = append(appendEscaped(f.b, p.value), '"')
		}
	}
	f.b = append(f.b, ']')
}

func startsWithKey(s string) bool {
	k, _, ok := strings.Cut(s, "=")
	return ok && k != "" && strings.IndexByte(k, ' ') < 0
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
