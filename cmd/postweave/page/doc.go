// Package page shows the figures of a range: as tables, and as one HTML page that needs nothing else, neither scripts nor
// files nor the network.
//
// It lies below the command, as output does, so that what counts knows nothing of colours.
//
// The charts are drawn by the template itself. Of the chart libraries that write SVG (go-chart, charts, plot) each puts colours, fonts and
// widths into the picture as numbers: it would follow neither a dark screen nor a phone nor a printer, and its labels would be no text
// that a reader finds, enlarges or has read out.
package page
