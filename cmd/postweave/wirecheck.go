package main

import (
	"context"

	"go.uber.org/zap"

	"github.com/postweave/postweave/esquery"
)

// wireCheck looks at everything and hands over what it finds as it finds it.
func wireCheck(ctx context.Context, cfg Config, tell func(esquery.Finding)) error {
	checkup := esquery.Checkup{Config: connection(cfg, zap.NewNop()), Source: sourceOf(cfg, zap.NewNop()), LocalDomains: len(cfg.LocalDomains) > 0}
	return checkup.Do(ctx, tell)
}
