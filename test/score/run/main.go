// Command run scores merged documents against a corpus:
//
//	go run ./test/score/run test/corpora/lab-postfix-3.7 documents.ndjson
//
// The documents may also come on standard input, named "-". It prints one line a
// check and exits 0 only when nothing is wrong.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/postweave/postweave/test/score"
)

func main() {
	show := flag.Int("show", 3, "`number` of wrong ones to show for each check")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: run [-show number] CORPUS DOCUMENTS.ndjson")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Arg(1), *show); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(corpus, name string, show int) error {
	var in io.Reader = os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	result, err := score.Documents(corpus, in)
	if err != nil {
		return err
	}
	if err := result.Print(os.Stdout, show); err != nil {
		return err
	}
	if wrong, _ := result.Wrong(); wrong > 0 {
		return errors.New("not all documents are right")
	}
	return nil
}
