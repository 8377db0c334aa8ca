// Package questions holds docs/questions.md to the truth: each of its questions is asked of a real log and of an index, and
// what comes back is compared with an answer that is worked out here, from the log by regular expressions and from what the
// programs wrote down that sent and took the mail. It shares no code with what it checks.
package questions
