// Package pluginv1 is version 1 of the contract between Nightjar and its plugins, generated from notifier.proto.
// Authors of Go plugins use plugins/sdk instead and never see it.
package pluginv1
