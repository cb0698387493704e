//! The sandbox over a real connection.
