//! The world alone, under simulated time.
