package main

import (
	"io"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger writes to w: text for people on a terminal, one JSON object a line
// elsewhere, unless the format is settled by LOG_FORMAT. Times are UTC.
func newLogger(cfg Config, w io.Writer) *zap.Logger {
	level, err := zapcore.ParseLevel(cfg.LogLevel)
	if err != nil {
		level = zapcore.InfoLevel // check refused it already
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.TimeKey, encoding.MessageKey = "time", "message"
	encoding.EncodeTime = func(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
		enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	}
	encoding.EncodeDuration = zapcore.SecondsDurationEncoder
	encoder, sink := zapcore.NewJSONEncoder(encoding), w
	if isTerminal(w) {
		sink = jsonLogWriter{w}
	}
	if !logsJSON(cfg, w) {
		encoding.EncodeLevel = zapcore.CapitalLevelEncoder
		encoding.ConsoleSeparator = "  "
		encoder, sink = zapcore.NewConsoleEncoder(encoding), visibleWriter{w}
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(sink)), level))
}

// logsJSON tells which format LOG_FORMAT amounts to.
func logsJSON(cfg Config, w io.Writer) bool {
	return cfg.LogFormat == "json" || cfg.LogFormat != "text" && !isTerminal(w)
}

// visibleWriter makes each line of a text log safe for a terminal. zap quotes
// the values of fields as JSON, which leaves C1 and bidirectional controls as
// they are, and messages not at all.
type visibleWriter struct{ w io.Writer }

// Write expects whole log entries, as zap writes them.
func (v visibleWriter) Write(p []byte) (int, error) {
	text := strings.TrimSuffix(string(p), "\n")
	if !isPlain(text) {
		lines := strings.Split(text, "\n") // a stack trace or several errors
		for i := range lines {
			lines[i] = strings.ReplaceAll(visible(lines[i]), `\t`, "    ")
		}
		text = strings.Join(lines, "\n")
	}
	if _, err := io.WriteString(v.w, text+"\n"); err != nil {
		return 0, err
	}
	return len(p), nil
}
