// Package job is the domain of ebb: what a job is, which states it has, and the
// one function that moves it from state to state.
//
// Everything here is pure. [Next] reads no clock, does no I/O and logs nothing:
// the engine hands it a job, an event and the time, makes the job that comes back
// durable, and only then carries out the effects. Everything else in ebb may import
// this package; it imports nothing of ebb.
//
// The model is that of BITS (Background Intelligent Transfer Service), whose names
// and numbers it keeps: states, priorities, error contexts, error codes and the
// defaults of every property.
package job
