// Package simulation lets lines trickle into a simulated Elasticsearch, late, out of order and doubled, while several
// workers of the real product run over it again and again, crash at any request, lose answers and meet each other; and
// then looks whether the target holds what one clean merge makes.
//
// A seed decides everything, so that a seed which fails can be played again:
//
//	POSTWEAVE_SIM_SEED=17 go test ./test/simulation -run TestSeeds -v
//
// POSTWEAVE_SIM_SEEDS=20000 plays more of them than the thousand of every day.
package simulation
