// Package nvr holds the nouns that every part of Nightjar shares: cameras, streams, observations, events,
// time ranges and coded errors. It imports the standard library only and does no work of its own.
package nvr
