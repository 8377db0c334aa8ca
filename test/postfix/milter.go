package main

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
)

// filterMail is a mail filter of the Sendmail milter protocol, version 6
// (src/milter/milter8.c). It goes by the local part of the sender: "milter-reject",
// "milter-defer", "milter-discard" and "milter-hold" at the end of the message; and refuses
// the recipient "milter-no".
func filterMail(c net.Conn) {
	const quarantine = 0x20 // SMFIF_QUARANTINE
	sender := ""
	for {
		command, data, err := readPacket(c)
		if err != nil {
			return
		}
		reply := []string{"c"}
		switch command {
		case 'O': // options
			b := binary.BigEndian.AppendUint32([]byte{'O'}, 6)
			b = binary.BigEndian.AppendUint32(b, quarantine)
			b = binary.BigEndian.AppendUint32(b, 0)
			reply = []string{string(b)}
		case 'D', 'A', 'K': // macros, abort, next connection: no reply
			continue
		case 'Q':
			return
		case 'M':
			sender = data
		case 'R':
			if strings.Contains(data, "<milter-no.") {
				reply = []string{"y550 5.7.1 the filter knows nobody\x00"}
			}
		case 'E':
			switch {
			case strings.Contains(sender, "<milter-reject"):
				reply = []string{"y550 5.7.1 the filter says no\x00"}
			case strings.Contains(sender, "<milter-defer"):
				reply = []string{"t"}
			case strings.Contains(sender, "<milter-discard"):
				reply = []string{"d"}
			case strings.Contains(sender, "<milter-hold"):
				reply = []string{"qto be looked at\x00", "c"}
			}
		}
		for _, r := range reply {
			b := binary.BigEndian.AppendUint32(nil, uint32(len(r)))
			if _, err := c.Write(append(b, r...)); err != nil {
				return
			}
		}
	}
}

func readPacket(c net.Conn) (command byte, data string, err error) {
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, "", err
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n == 0 || n > 1<<20 {
		return 0, "", io.ErrUnexpectedEOF
	}
	b := make([]byte, n-1)
	_, err = io.ReadFull(c, b)
	return head[4], string(b), err
}
