package esnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// oldestJava is the oldest release that Elasticsearch 8 runs on.
const oldestJava = 17

// ErrNoJava is returned by Start where there is no JDK to run Elasticsearch with.
var ErrNoJava = errors.New("no JDK " + strconv.Itoa(oldestJava) + " or newer found in ES_JAVA_HOME, JAVA_HOME or on the path: " +
	"install one (Debian: apt-get install openjdk-17-jdk-headless), or name a running Elasticsearch in " + urlVariable)

// javaHome finds a JDK that is new enough. The distribution brings none of its own.
func javaHome(ctx context.Context) (string, error) {
	homes := []string{os.Getenv("ES_JAVA_HOME"), os.Getenv("JAVA_HOME")}
	if java, err := exec.LookPath("java"); err == nil {
		// On the path stands a chain of links, .../bin/java at its end.
		if java, err = filepath.EvalSymlinks(java); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(java)))
		}
	}
	tooOld := ""
	for _, home := range homes {
		if home == "" {
			continue
		}
		release, err := javaRelease(ctx, filepath.Join(home, "bin", "java"))
		if err != nil {
			continue
		}
		if release >= oldestJava {
			return home, nil
		}
		tooOld = fmt.Sprintf(" (%s is Java %d)", home, release)
	}
	return "", fmt.Errorf("%w%s", ErrNoJava, tooOld)
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// javaRelease asks a java for its release number; 1 stands for everything before Java 9.
func javaRelease(ctx context.Context, java string) (int, error) {
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return 0, err
	}
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("%s -version names no version", java)
	}
	return strconv.Atoi(string(m[1]))
}
