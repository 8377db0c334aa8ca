package esnode

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// manifest lists the unpacked files with their sizes.
const manifest = "postweave.files"

// ErrNoMaven is wrapped by the error of Start where Elasticsearch has to be fetched and there is no Maven for it.
var ErrNoMaven = errors.New("no mvn on the path")

// distribution returns the folder with the unpacked release, unpacking and
// fetching it where needed. The store must be locked.
func (s *store) distribution(ctx context.Context, r release, log io.Writer) (string, error) {
	home := filepath.Join(s.root, "elasticsearch-"+r.version)
	if intact(home) {
		return home, nil
	}
	name, err := fetched(ctx, r, log)
	if err != nil {
		return "", err
	}
	if err := verify(name, r.sum); err != nil {
		return "", err
	}
	fmt.Fprintf(log, "unpacking %s\n", filepath.Base(name))
	// Unpacked beside its place and renamed: whoever is killed on the way leaves nothing that looks whole.
	fresh := home + ".part"
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(home)); err != nil {
		return "", err
	}
	if err := unpack(name, fresh); err != nil {
		return "", fmt.Errorf("unpack %s: %w", name, err)
	}
	return home, os.Rename(fresh, home)
}

// intact reports whether every file is there with its size. Some systems remove
// old files from the temporary folder one by one, and a server without one of
// its libraries fails in ways that nobody would trace back to that.
func intact(home string) bool {
	list, err := os.ReadFile(filepath.Join(home, manifest))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(list)) {
		size, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		info, err := os.Stat(filepath.Join(home, name))
		if err != nil || fmt.Sprint(info.Size()) != size {
			return false
		}
	}
	return true
}

// fetched returns the path of the artifact in the local Maven repository. Maven
// runs only where it is not there yet, so that a warm start needs neither Maven nor network.
func fetched(ctx context.Context, r release, log io.Writer) (string, error) {
	repositories, err := localRepositories()
	if err != nil {
		return "", fmt.Errorf("find the local Maven repository: %w", err)
	}
	find := func() (string, bool) {
		for _, repository := range repositories {
			name := filepath.Join(repository, filepath.FromSlash(r.file()))
			if _, err := os.Stat(name); err == nil {
				return name, true
			}
		}
		return "", false
	}
	if name, ok := find(); ok {
		return name, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("Elasticsearch %s is not in the local Maven repository, and there is %w to fetch it with: "+ //nolint:staticcheck // a proper name
			"install Maven (Debian: apt-get install maven), or name a running Elasticsearch in %s", r.version, ErrNoMaven, urlVariable)
	}
	fmt.Fprintf(log, "fetching %s through Maven, about 100 MB\n", r.artifact())
	// dependency:get without a version is the plugin that this Maven brings; the artifact is pinned by its sum.
	// The repository is named since Maven does not go by $HOME.
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "-Dmaven.repo.local="+repositories[0],
		"dependency:get", "-Dartifact="+r.artifact(), "-Dtransitive=false")
	cmd.Dir = os.TempDir() // away from any pom.xml
	output := &tail{to: log}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("fetch %s through Maven: %w; its last output:\n%s", r.artifact(), err, output)
	}
	name, ok := find()
	if !ok {
		return "", fmt.Errorf("Maven fetched %s, but it is not in %s: name a running Elasticsearch in %s", r.artifact(), repositories[0], urlVariable) //nolint:staticcheck // a proper name
	}
	return name, nil
}

// localRepositories lists where Maven keeps what it fetched: the folder named in
// the user's settings, if any, and the default. Asking Maven itself would take
// seconds at each start, and a plugin.
func localRepositories() ([]string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	m2 := filepath.Join(home, ".m2")
	repositories := []string{filepath.Join(m2, "repository")}
	var settings struct {
		LocalRepository string `xml:"localRepository"`
	}
	if b, err := os.ReadFile(filepath.Join(m2, "settings.xml")); err == nil && xml.Unmarshal(b, &settings) == nil && settings.LocalRepository != "" {
		named := strings.ReplaceAll(strings.TrimSpace(settings.LocalRepository), "${user.home}", home)
		repositories = append([]string{named}, repositories...)
	}
	return repositories, nil
}

func verify(name, sum string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("%s has SHA-256 %s instead of %s: remove it, it is fetched again", name, got, sum)
	}
	return nil
}

// unpack writes the archive below dir, without the folder that all its names
// begin with, readable by every user whatever the umask.
func unpack(name, dir string) error {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := makeFolder(dir); err != nil {
		return err
	}
	var list strings.Builder
	for _, f := range archive.File {
		_, inside, _ := strings.Cut(f.Name, "/")
		if inside == "" {
			continue
		}
		if !filepath.IsLocal(inside) {
			return fmt.Errorf("the name %q leads out of the folder", f.Name)
		}
		to := filepath.Join(dir, filepath.FromSlash(inside))
		if f.FileInfo().IsDir() {
			if err := makeFolder(to); err != nil {
				return err
			}
			continue
		}
		if err := unpackFile(f, to); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		fmt.Fprintf(&list, "%d %s\n", f.UncompressedSize64, inside)
	}
	return os.WriteFile(filepath.Join(dir, manifest), []byte(list.String()), 0o644)
}

func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Chmod(dir, 0o755)
}

func unpackFile(f *zip.File, to string) error {
	if !f.Mode().IsRegular() {
		return errors.New("is neither a file nor a folder")
	}
	mode := os.FileMode(0o644)
	if f.Mode().Perm()&0o100 != 0 {
		mode = 0o755
	}
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, from)
	return errors.Join(err, w.Chmod(mode), w.Close())
}
