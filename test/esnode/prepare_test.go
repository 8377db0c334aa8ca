package esnode

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNoJDK(t *testing.T) {
	javaNowhere(t)
	_, err := javaHome(t.Context(), releases[DefaultVersion])
	if !errors.Is(err, ErrNoJava) || !strings.Contains(err.Error(), urlVariable) {
		t.Errorf("error %v, want one that names the JDK and %s", err, urlVariable)
	}
}

func TestUnfitJDK(t *testing.T) {
	for _, c := range []struct {
		version string
		java    string
		fits    bool
		text    string
	}{
		{"8.15.0", "11.0.2", false, "JDK 17 to 23"},
		{"8.15.0", "17.0.1", true, ""},
		{"8.15.0", "25.0.1", false, "JDK 17 to 23"},
		{"8.19.0", "11.0.2", false, "JDK 17 or newer"},
		{"8.19.0", "25.0.1", true, ""},
		{"9.2.0", "17.0.1", false, "JDK 21 or newer"},
		{"9.2.0", "25.0.1", true, ""},
	} {
		javaNowhere(t)
		home := fakeJava(t, c.java)
		t.Setenv("JAVA_HOME", home)
		r, err := releaseOf(c.version)
		if err != nil {
			t.Fatal(err)
		}
		got, err := javaHome(t.Context(), r)
		if c.fits {
			if err != nil || got != home {
				t.Errorf("%s with Java %s: %q, %v; want it taken", c.version, c.java, got, err)
			}
			continue
		}
		major, _, _ := strings.Cut(c.java, ".")
		if !errors.Is(err, ErrNoJava) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "is Java "+major) {
			t.Errorf("%s with Java %s: error %v, want one that says %q and names the Java that is there", c.version, c.java, err, c.text)
		}
	}
}

// What lies in a usual folder is taken where what was chosen does not fit.
func TestFittingJDKAmongSeveral(t *testing.T) {
	javaNowhere(t)
	t.Setenv("JAVA_HOME", fakeJava(t, "17.0.1"))
	folder := t.TempDir()
	javaFolders = []string{filepath.Join(folder, "*")}
	for _, version := range []string{"11.0.2", "25.0.1"} {
		if err := os.Rename(fakeJava(t, version), filepath.Join(folder, "jdk-"+version)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := releaseOf("9.2.0")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := javaHome(t.Context(), r); err != nil || filepath.Base(got) != "jdk-25.0.1" {
		t.Errorf("%q, %v; want the Java 25 in the folder", got, err)
	}
}

func TestUnknownVersion(t *testing.T) {
	t.Setenv(versionVariable, "7.0.0")
	_, err := Start(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "7.0.0") || !strings.Contains(err.Error(), DefaultVersion) {
		t.Errorf("error %v, want one that names the version and those there are", err)
	}
}

// javaNowhere hides every JDK of this machine from the test.
func javaNowhere(t *testing.T) {
	t.Helper()
	for _, name := range []string{"ES_JAVA_HOME", "JAVA_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("PATH", t.TempDir())
	folders := javaFolders
	javaFolders = nil
	t.Cleanup(func() { javaFolders = folders })
}

// fakeJava is the home of a JDK that knows its version and nothing else.
func fakeJava(t *testing.T, version string) string {
	t.Helper()
	home := t.TempDir()
	writeScript(t, filepath.Join(home, "bin", "java"), "#!/bin/sh\necho 'openjdk version \""+version+"\" 2019-01-15' >&2\n")
	return home
}

func TestNoMaven(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	_, err := fetched(t.Context(), releases[DefaultVersion], io.Discard)
	if !errors.Is(err, ErrNoMaven) || !strings.Contains(err.Error(), urlVariable) {
		t.Errorf("error %v, want one that names Maven and %s", err, urlVariable)
	}
}

func TestFailingMaven(t *testing.T) {
	bin := t.TempDir()
	writeScript(t, filepath.Join(bin, "mvn"), "#!/bin/sh\necho 'Connection refused'\nexit 1\n")
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	t.Setenv("HOME", t.TempDir())
	_, err := fetched(t.Context(), releases[DefaultVersion], io.Discard)
	if err == nil || !strings.Contains(err.Error(), "Connection refused") {
		t.Errorf("error %v, want one with Maven's output", err)
	}
}

func TestRepositoryOfMavenSettings(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	writeScript(t, filepath.Join(home, ".m2", "settings.xml"),
		`<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><localRepository>${user.home}/elsewhere</localRepository></settings>`)
	got, err := localRepositories()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(home, "elsewhere"), filepath.Join(home, ".m2", "repository")}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("repositories %v, want %v", got, want)
	}
}

func TestOwnRefusesForeignFolder(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, open} {
		if err := own(name); err == nil {
			t.Errorf("%s is accepted", filepath.Base(name))
		}
	}
	fresh := filepath.Join(dir, "fresh")
	for range 2 {
		if err := own(fresh); err != nil {
			t.Error(err)
		}
	}
}

func TestUnpack(t *testing.T) {
	name := archive(t, "dist-1/bin/start", "dist-1/lib/a.jar")
	dir := filepath.Join(t.TempDir(), "dist")
	if err := unpack(name, dir); err != nil {
		t.Fatal(err)
	}
	if !intact(dir) {
		t.Error("not intact after unpacking")
	}
	if err := os.Truncate(filepath.Join(dir, "lib", "a.jar"), 1); err != nil {
		t.Fatal(err)
	}
	if intact(dir) {
		t.Error("intact with a file cut short")
	}
}

func TestUnpackRefusesEscapingName(t *testing.T) {
	err := unpack(archive(t, "dist-1/../../evil"), filepath.Join(t.TempDir(), "dist"))
	if err == nil || !strings.Contains(err.Error(), "out of the folder") {
		t.Errorf("error %v, want a refusal", err)
	}
}

func TestVerifyRefusesOtherArchive(t *testing.T) {
	sum := releases[DefaultVersion].sum
	if err := verify(archive(t, "dist-1/x"), sum); err == nil || !strings.Contains(err.Error(), sum) {
		t.Errorf("error %v, want a refusal", err)
	}
}

func TestDaily(t *testing.T) {
	for stamp, want := range map[string]string{
		"2026-11-22T01:29:04.000Z":      "syslog-2026.11.22",
		"2026-11-23T00:30:00.000+01:00": "syslog-2026.11.22",
		"yesterday":                     "",
	} {
		if got := Daily("syslog-")(map[string]any{"@timestamp": stamp}, 0); got != want {
			t.Errorf("%s goes to %q, want %q", stamp, got, want)
		}
	}
}

func writeScript(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// archive makes a zip with the folders of the named files and in each file its own name.
func archive(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dist.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, name := range names {
		if folder := filepath.Dir(name); filepath.IsLocal(folder) {
			if _, err := w.Create(folder + "/"); err != nil {
				t.Fatal(err)
			}
		}
		entry, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entry, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}
