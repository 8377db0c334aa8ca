package message

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestWordsAreThoseOfTheStandardAnalyzer goes through texts of which Elasticsearch said what its words are; a test on
// a real node holds the file.
func TestWordsAreThoseOfTheStandardAnalyzer(t *testing.T) {
	source, err := os.ReadFile("testdata/words.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts []struct {
		Text  string   `json:"text"`
		Words []string `json:"words"`
	}
	if err := json.Unmarshal(source, &texts); err != nil || len(texts) < 50 {
		t.Fatalf("%d texts, %v", len(texts), err)
	}
	for _, x := range texts {
		if got := indexWords(x.Text); !slices.Equal(got, x.Words) {
			t.Errorf("%q (%+q): %q, want %q", x.Text, x.Text, got, x.Words)
		}
	}
}

// FuzzIndexWords: every word is a part of its text, in order, and none is empty or too long.
func FuzzIndexWords(f *testing.F) {
	for _, s := range []string{"don't 3.14", "カタカナ漢字", "👨‍👩‍👧 a_b", "\xff\xfea\u0301", strings.Repeat("é", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest := strings.ToLower(text)
		for _, word := range indexWords(text) {
			_, after, found := strings.Cut(rest, word)
			if word == "" || !found || len([]rune(word)) > longestWord {
				t.Fatalf("%q is no word of what is left of %q", word, text)
			}
			rest = after
		}
	})
}
