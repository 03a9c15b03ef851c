// Package drift tells how far the values of a feature lie from those of a
// reference: population stability index, Kolmogorov-Smirnov statistic and
// Jensen-Shannon distance.
package drift
