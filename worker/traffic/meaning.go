package traffic

import "strings"

// Meaning says in words what an enhanced status code means (RFC 3463, with the registered additions that mail servers answer with). Of a code
// that is not registered it is the meaning of its class and subject; empty where there is no code.
func Meaning(dsn string) string {
	class, rest, _ := strings.Cut(dsn, ".")
	subject, _, ok := strings.Cut(rest, ".")
	if !ok {
		return ""
	}
	if class != "2" && class != "4" && class != "5" {
		return ""
	}
	if words, ok := details[rest]; ok {
		return words
	}
	if class == "2" {
		return "success"
	}
	words, ok := subjects[subject]
	if !ok {
		words = subjects["0"]
	}
	return words
}

// subjects are those of RFC 3463, 3.1 and following.
var subjects = map[string]string{
	"0": "other or undefined status", "1": "a problem with the address", "2": "a problem with the mailbox", "3": "a problem with the mail system",
	"4": "a problem with network or routing", "5": "a problem with the mail protocol", "6": "a problem with the content or its format",
	"7": "security or policy",
}

// details are subject and detail. What a code means does not depend on its class, which says whether it is for good.
var details = map[string]string{
	"0.0": "other or undefined status",
	"1.0": "a problem with the address", "1.1": "no such mailbox", "1.2": "no such domain", "1.3": "the address is not valid",
	"1.4": "the address fits several mailboxes", "1.5": "address valid", "1.6": "the mailbox has moved, no forwarding address",
	"1.7": "the sender's address is not valid", "1.8": "the sender's domain is not valid", "1.9": "relayed to a server that does not report",
	"1.10": "the recipient's domain takes no mail (null MX)",
	"2.0":  "a problem with the mailbox", "2.1": "the mailbox is disabled", "2.2": "the mailbox is full",
	"2.3": "the message is too long for the recipient", "2.4": "a mailing list could not be expanded",
	"3.0": "a problem with the mail system", "3.1": "the mail system is full", "3.2": "the system accepts no mail now",
	"3.3": "the system lacks a feature that is needed", "3.4": "the message is too big for the system", "3.5": "the system is not set up right",
	"4.0": "a problem with network or routing", "4.1": "no answer from the host", "4.2": "the connection broke",
	"4.3": "name server failure", "4.4": "no route to the host", "4.5": "the mail system is congested", "4.6": "a mail loop",
	"4.7": "delivery took too long",
	"5.0": "a problem with the mail protocol", "5.1": "a command that is not valid", "5.2": "a syntax error", "5.3": "too many recipients",
	"5.4": "arguments of a command that are not valid", "5.5": "the wrong version of the protocol", "5.6": "an authentication line that is too long",
	"6.0": "a problem with the content or its format", "6.1": "the media type is not supported", "6.2": "a conversion is needed and not allowed",
	"6.3": "a conversion is needed and not possible", "6.4": "converted with loss", "6.5": "the conversion failed",
	"6.6": "the content is not available", "6.7": "addresses outside ASCII are not supported",
	"7.0": "security or policy", "7.1": "not allowed: refused by policy", "7.2": "may not send to this mailing list",
	"7.3": "a security conversion is needed and not possible", "7.4": "a security feature is not supported",
	"7.5": "a cryptographic failure", "7.6": "the cryptographic algorithm is not supported", "7.7": "the message was altered",
	"7.8": "wrong login", "7.9": "the way to log in is too weak", "7.10": "encryption needed", "7.11": "encryption needed to log in in this way",
	"7.13": "the account is disabled", "7.20": "no valid DKIM signature", "7.21": "no acceptable DKIM signature",
	"7.22": "no valid DKIM signature of the author", "7.23": "SPF validation failed", "7.24": "SPF validation ran into an error",
	"7.25": "reverse DNS validation failed", "7.26": "several authentication checks failed", "7.27": "the sender's domain takes no mail (null MX)",
	"7.28": "too many messages of this kind",
}
