package mappings

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// maxName leaves room for the suffixes "-000001", "-2026.11" and "-log" within
// Elasticsearch's limit of 255 bytes.
const maxName = 200

// ValidName returns nil if name can be an alias or an index of Elasticsearch,
// with room left for a suffix, and otherwise an error that says what is wrong
// with it. Wildcards, lists and date mathematics are refused: a name here is
// one that is written to.
func ValidName(name string) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case len(name) > maxName:
		return fmt.Errorf("name %.20q… is longer than %d bytes", name, maxName)
	case name == "." || name == "..":
		return fmt.Errorf("name %q is not allowed", name)
	case strings.ContainsAny(name[:1], "-_+"):
		return fmt.Errorf("name %q must not begin with %q", name, name[:1])
	case strings.ToLower(name) != name:
		return fmt.Errorf("name %q must be in lower case", name)
	}
	for _, r := range name {
		if strings.ContainsRune(`\/*?"<>|,#:`, r) || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("name %q must not contain %q", name, r)
		}
	}
	return nil
}

// FirstIndex is the name of the index that setup creates behind the target.
func FirstIndex(target string) string { return target + "-000001" }

// LogIndex is the name of the index for the parts of long logs.
func LogIndex(target string) string { return target + "-log" }

// Patterns returns the index patterns that belong to the target: its name, a
// hyphen, a digit and anything. Numbered (-000001) and monthly (-2026.11)
// indices begin so. The plain pattern "<target>-*" would also take <target>-log,
// and the indices of a second target whose name begins with this one's
// (postfix-messages and postfix-messages-eu): Elasticsearch refuses two
// templates of one priority that can meet.
func Patterns(target string) []string {
	patterns := make([]string, 10)
	for digit := range patterns {
		patterns[digit] = fmt.Sprintf("%s-%d*", target, digit)
	}
	return patterns
}

// Matches reports whether an index of this name falls under [Patterns] of the
// target.
func Matches(target, index string) bool {
	rest, ok := strings.CutPrefix(index, target+"-")
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}
