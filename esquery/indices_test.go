package esquery

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// An index that has only just been made, as the first line of a day makes one,
// is waited for; its line is not left for a failed run to miss.
func TestIndexThatIsBeingMade(t *testing.T) {
	asked := 0
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, RetryBudget: 5 * time.Second, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/_settings") {
			return reply(http.StatusOK, `{"syslog-1":{"settings":{"index":{"uuid":"u","number_of_shards":"1","creation_date":"1"}}}}`), nil
		}
		asked++
		shards := `{}`
		if asked > 4 { // twice by the pattern, twice by the name
			shards = `{"0":[{"routing":{"primary":true},"seq_no":{"global_checkpoint":1},"commit":{"user_data":{"history_uuid":"h"}}}]}`
		}
		return reply(http.StatusOK, `{"_shards":{"failed":0},"indices":{"syslog-1":{"shards":`+shards+`}}}`), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	indices, err := c.sourceIndices(t.Context(), []string{"syslog-*"})
	if err != nil || len(indices) != 1 || len(indices[0].shards) != 1 || indices[0].shards[0].checkpoint != 1 {
		t.Errorf("%+v, %v", indices, err)
	}
	if asked <= 4 {
		t.Errorf("asked %d times, the test shows nothing", asked)
	}
}
