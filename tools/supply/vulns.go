package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/vuln/scan"
)

// vulnerabilities has govulncheck report the known vulnerabilities that the code in
// some folders, tests included, can reach. Where no database can be had it says so, with an
// exit code of its own: nothing known and nothing looked up must not look alike.
func vulnerabilities(ctx context.Context, stdout, stderr io.Writer, db string, folders []string) error {
	if err := reachable(ctx, db); err != nil {
		return exitError{fmt.Errorf("no database reachable, nothing was checked: %w", err), exitUnchecked}
	}
	var found []string
	for _, dir := range folders {
		fmt.Fprintf(stdout, "-- %s\n", dir)
		c := scan.Command(ctx, "-db", db, "-C", dir, "-test", "./...")
		c.Stdout, c.Stderr = stdout, stderr
		err := c.Start()
		if err == nil {
			err = c.Wait()
		}
		var code interface{ ExitCode() int }
		switch {
		case err == nil:
		case errors.As(err, &code) && code.ExitCode() == exitVulnerable:
			found = append(found, dir)
		default:
			return fmt.Errorf("look for known vulnerabilities in %s: %w", dir, err)
		}
	}
	if found != nil {
		return exitError{fmt.Errorf("known vulnerabilities in %s, see above", strings.Join(found, ", ")), exitVulnerable}
	}
	return nil
}

// reachable asks a database for its smallest part.
func reachable(ctx context.Context, db string) error {
	if dir, local := strings.CutPrefix(db, "file://"); local {
		found, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err == nil && len(found) == 0 { // entries alone, or with an index beside them
			_, err = os.Stat(filepath.Join(dir, "index", "db.json"))
		}
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(db, "/")+"/index/db.json.gz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", db, answer.Status)
	}
	return nil
}
