// Package analysis judges a new release's error rate against the stable one's
// from their requests alone. Its functions are pure: no clock, no storage.
//
// The method is a confidence sequence by betting, valid at every look however
// often one looks: Waudby-Smith & Ramdas, "Estimating means of bounded random
// variables by betting", JRSS B 86 (2024), sections 4 and 5; the time-uniform
// bound is Ville's inequality, as in Howard, Ramdas, McAuliffe & Sekhon,
// "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
// Statistics 49 (2021). A gambler who bets against "the difference is at most
// δ" multiplies their capital by 1+λ(x-δ) at each comparison x; were the claim
// true, the capital would ever reach 1/α with probability at most α. The bets
// λ are a fixed mixture, so that the capital depends on how often each value
// of x was seen and not on their order: a few dozen integers are the whole
// state, and a restart forgets nothing.
package analysis
