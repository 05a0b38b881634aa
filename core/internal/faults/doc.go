// Package faults tests what Nightjar promises when something around it breaks: a camera, its network, its clock, a disk,
// the database. Each test puts the camera manager, the recorder, the index feeders and the player together as core/app
// does, on real sockets and real directories, breaks one thing with real means, and then counts: what is recorded plus
// the gaps that are told must be the time that passed. It holds tests only; what single parts do with a fault is tested
// beside them.
package faults
