package esnode

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	// DefaultVersion of Elasticsearch is run where nothing names another one.
	DefaultVersion = "8.19.0"
	// versionVariable names another one for every node that this process starts.
	versionVariable = "POSTWEAVE_TEST_ES_VERSION"
)

// release is one version of Elasticsearch that Start can run.
type release struct {
	version string
	// sum is the SHA-256 of its artifact: what a repository serves is going to be run.
	sum string
	// oldestJava and newestJava are the Java releases that it runs on. Without a newest one, none is known that it
	// fails on: to refuse the next Java before it is out would be a guess.
	oldestJava, newestJava int
}

// releases are the oldest version that postweave supports, the one that most tests run on, and one of the next major.
var releases = map[string]release{
	// Older than what is supported: `postweave check` has to tell.
	"7.17.28": {sum: "37004c9bd95165eb41b229204bbb9f311d8099d6db22ec22b2f019664f0a75ab", oldestJava: 11, newestJava: 23},
	"8.14.0":  {sum: "f5cdbe6b56e77229999cfabc47db4bab4d42fd46d7725e3e38aef953391adc50", oldestJava: 17, newestJava: 23},
	// Its start script allows the Security Manager, and Java 24 took that away.
	"8.15.0": {sum: "c473366cf9e27bf6af9a9981a5e57dc206c04217439dbdf58df60e3683dff08b", oldestJava: 17, newestJava: 23},
	"8.19.0": {sum: "14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033", oldestJava: 17},
	"9.2.0":  {sum: "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b", oldestJava: 21},
}

// Version is the version of Elasticsearch that Start runs where Options name
// none: the one in POSTWEAVE_TEST_ES_VERSION, or DefaultVersion.
func Version() string { return cmp.Or(os.Getenv(versionVariable), DefaultVersion) }

// releaseOf returns what is known of a version, of Version where it is empty.
func releaseOf(version string) (release, error) {
	version = cmp.Or(version, Version())
	r, ok := releases[version]
	if !ok {
		return release{}, fmt.Errorf("Elasticsearch %q is none of those that can be run here: %s (Options.Version, %s)", //nolint:staticcheck // a proper name
			version, strings.Join(slices.Sorted(maps.Keys(releases)), ", "), versionVariable)
	}
	r.version = version
	return r, nil
}

// artifact is its name as Maven's dependency:get takes it.
func (r release) artifact() string {
	return "org.elasticsearch.distribution.integ-test-zip:elasticsearch:" + r.version + ":zip"
}

// file is its path in a Maven repository, with slashes.
func (r release) file() string {
	return path.Join("org/elasticsearch/distribution/integ-test-zip/elasticsearch", r.version, "elasticsearch-"+r.version+".zip")
}

// java says which JDK it needs.
func (r release) java() string {
	if r.newestJava == 0 {
		return fmt.Sprintf("JDK %d or newer", r.oldestJava)
	}
	return fmt.Sprintf("JDK %d to %d", r.oldestJava, r.newestJava)
}

func (r release) runsOn(java int) bool {
	return java >= r.oldestJava && (r.newestJava == 0 || java <= r.newestJava)
}
