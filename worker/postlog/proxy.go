package postlog

import "strings"

// proxyReject begins smtpd's line about a mail that the before-queue filter
// refused. smtpd had handed it on and has no queue file, but does not say NOQUEUE here.
const proxyReject = "proxy-reject"

// parseProxyReject reads "proxy-reject: END-OF-MESSAGE: reply; envelope"
// (src/smtpd/smtpd.c data_cmd's end of data). The line names no client. Of a mail that
// was accepted, "proxy-accept", the queue id behind the filter has the lines.
func (e *Event) parseProxyReject() bool {
	rest, ok := strings.CutPrefix(e.Text, proxyReject+": ")
	if !ok || !e.NoQueue {
		return false
	}
	stage, reply, ok := strings.Cut(rest, ": ")
	if !ok || stage == "" || strings.ContainsAny(stage, " ;<") {
		return false
	}
	if env, ok := findEnvelope(reply, nil); ok {
		reply = reply[:env.start]
		e.takeEnvelope(env)
	}
	e.Kind, e.Check = Verdict, Check{Action: proxyReject, Stage: stage}
	e.Check.takeReply(reply)
	return true
}
