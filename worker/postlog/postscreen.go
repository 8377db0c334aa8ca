package postlog

// parsePostscreen reads postscreen's rejects, all without a queue id:
// "NOQUEUE: reject: RCPT from [IP]:port: reply; from=<S>, to=<R>, proto=P, helo=<H>"
// (src/postscreen/postscreen_smtpd.c) and "NOQUEUE: reject: CONNECT from [IP]:port: all server
// ports busy" or "too many connections" (src/postscreen/postscreen.c,
// postscreen_send.c). What else it writes (CONNECT, PASS OLD, PREGREET, DNSBL rank, HANGUP, …) is about a
// connection and has no id.
func (e *Event) parsePostscreen() {
	e.parseVerdict(func(action string) bool { return action == "reject" })
}
