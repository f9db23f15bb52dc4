"""Simulators, runners, the demo and the conformance suite for surfacehost."""
