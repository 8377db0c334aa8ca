package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
)

// authenticate is a server of Dovecot's authentication protocol, version 1.1, as
// src/xsasl/xsasl_dovecot_server.c speaks it. A password is right where it is the name.
func authenticate(c net.Conn) {
	fmt.Fprint(c, "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n") // the next read fails too
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if fields[0] != "AUTH" || len(fields) < 3 {
			continue
		}
		initial := fields[len(fields)-1]
		plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(initial, "resp="))
		part := strings.Split(string(plain), "\x00")
		if err == nil && len(part) == 3 && part[1] == part[2] {
			fmt.Fprintf(c, "OK\t%s\tuser=%s\n", fields[1], part[1]) // as above
		} else {
			fmt.Fprintf(c, "FAIL\t%s\treason=wrong\n", fields[1]) // as above
		}
	}
}
