// Package browser looks at the page that "postweave report" writes as people do: in a browser, at the widths of a phone, a tablet and a
// desktop, on light and dark screens. It is run by "make test-browser".
//
// What the page has to show is worked out from the log by a small reader of its own, which shares no code with the product.
package browser
