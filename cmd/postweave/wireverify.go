package main

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/worker"
	"github.com/postweave/postweave/worker/message"
)

// wireVerify connects, and returns the comparison over o.From ≤ time < o.To.
// found is told of each difference, shown of each finished slice.
func wireVerify(_ context.Context, cfg Config, log *zap.Logger, o verifyOptions, found func(difference) error, shown *progress) (work func(context.Context) (report, error), closeAll func(context.Context) error, err error) {
	p, err := joinParts(cfg, log, time.Time{}, true)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (report, error) {
		if err := p.client.CheckTarget(ctx, cfg.Target, cfg.State); err != nil {
			return nil, err
		}
		documents := p.client.Documents(cfg.Target)
		shown.through(o.From, o.To)
		v := &worker.Verify{
			Range: p.source.Range(o.From, o.To), Target: documents, Archive: documents,
			Options: message.Options{LocalDomains: cfg.LocalDomains}, Heal: o.Heal, DryRun: o.DryRun,
			Concurrency: cfg.MaxConcurrency, MaxRuntime: cfg.MaxRuntime, Logger: log,
			Found: func(d worker.Difference) error { return found(d) },
			Progress: func(upTo time.Time, sofar worker.VerifyReport) {
				shown.upTo(upTo)
				shown.count(sofar.Lines)
			},
		}
		if o.Quick {
			v.Outlines = documents
		}
		result, err := v.Do(ctx)
		if err != nil && result.Slices == 0 {
			return nil, targetError(cfg.Target, err)
		}
		if errors.Is(err, worker.ErrDifferent) && !o.Heal {
			err = hintedError{err, "what no run has read yet counts as missing: run `postweave run`, and verify again; the rest is mended by --heal"}
		}
		return result, targetError(cfg.Target, err)
	}, p.close, nil
}

// hintedError is an error with what the user can do.
type hintedError struct {
	err  error
	hint string
}

func (e hintedError) Error() string { return e.err.Error() + "; " + e.hint }
func (e hintedError) Unwrap() error { return e.err }

// targetError gives errors about documents of the target their exit codes.
func targetError(target string, err error) error {
	switch {
	case errors.Is(err, worker.ErrQuarantined), errors.Is(err, worker.ErrDifferent), errors.Is(err, worker.ErrSpared):
		return codedError{exitQuarantined, err}
	case errors.Is(err, worker.ErrNewerSchema):
		return &esquery.Error{Class: esquery.ClassSchema, Op: "read the target's documents", Index: target, Err: err}
	}
	return err
}

// wireRebuild connects, and returns the work on the documents of a range of
// arrival, or on all.
func wireRebuild(_ context.Context, cfg Config, log *zap.Logger, o rebuildOptions, shown *progress) (work func(context.Context) (report, error), closeAll func(context.Context) error, err error) {
	client, err := connect(cfg, log)
	if err != nil {
		return nil, nil, err
	}
	closeAll = func(context.Context) error {
		client.Close()
		return nil
	}
	return func(ctx context.Context) (report, error) {
		if err := client.CheckTarget(ctx, cfg.Target, cfg.State); err != nil {
			return nil, err
		}
		documents := client.Documents(cfg.Target)
		if o.All {
			if err := documents.Refresh(ctx); err != nil {
				return nil, err
			}
			first, last, found, err := documents.Extent(ctx)
			if err != nil {
				return nil, err
			}
			if found {
				o.From, o.To = first, last.Add(time.Millisecond)
			}
		}
		shown.through(o.From, o.To)
		r := &worker.Rebuild{
			Target: documents, Archive: documents, Options: message.Options{LocalDomains: cfg.LocalDomains}, From: o.From, To: o.To,
			Concurrency: cfg.MaxConcurrency, DryRun: o.DryRun, MaxRuntime: cfg.MaxRuntime, Logger: log,
			Progress: func(upTo time.Time, sofar worker.Report) {
				shown.upTo(upTo)
				shown.count(sofar.Documents)
			},
		}
		result, err := r.Do(ctx)
		if err != nil && result.Documents == 0 && !errors.Is(err, worker.ErrSpared) {
			return nil, targetError(cfg.Target, err)
		}
		return result, targetError(cfg.Target, err)
	}, closeAll, nil
}
