package esnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNoJava is wrapped by the error of Start where there is no JDK to run Elasticsearch with.
var ErrNoJava = errors.New("no JDK to run Elasticsearch with")

// javaFolders are where systems install JDKs beside each other.
var javaFolders = []string{"/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home"}

// javaHome finds a JDK that the release runs on. The distribution brings none of its own.
func javaHome(ctx context.Context, r release) (string, error) {
	var unfit []string
	for _, home := range javaHomes() {
		version, err := javaRelease(ctx, filepath.Join(home, "bin", "java"))
		if err != nil {
			continue
		}
		if r.runsOn(version) {
			return home, nil
		}
		unfit = append(unfit, fmt.Sprintf("%s is Java %d", home, version))
	}
	found := ""
	if len(unfit) > 0 {
		found = " (" + strings.Join(unfit, ", ") + ")"
	}
	return "", fmt.Errorf("%w: Elasticsearch %s needs %s, and ES_JAVA_HOME, JAVA_HOME, the path and %s have none%s: "+
		"install one (Debian: apt-get install openjdk-%d-jdk-headless) and name it in ES_JAVA_HOME, or name a running Elasticsearch in %s",
		ErrNoJava, r.version, r.java(), strings.Join(javaFolders, ", "), found, r.oldestJava, urlVariable)
}

// javaHomes lists the JDKs there may be, those that somebody chose before those that merely lie there.
func javaHomes() []string {
	homes := []string{os.Getenv("ES_JAVA_HOME"), os.Getenv("JAVA_HOME")}
	if java, err := exec.LookPath("java"); err == nil {
		// On the path stands a chain of links, .../bin/java at its end.
		if java, err = filepath.EvalSymlinks(java); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(java)))
		}
	}
	for _, pattern := range javaFolders {
		in, _ := filepath.Glob(pattern) // the patterns are well formed
		homes = append(homes, in...)
	}
	seen := make(map[string]bool)
	return slices.DeleteFunc(homes, func(home string) bool {
		at, err := filepath.EvalSymlinks(home) // one JDK often has several names
		if home == "" || err != nil || seen[at] {
			return true
		}
		seen[at] = true
		return false
	})
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
