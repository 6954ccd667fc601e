"""What tests share: real servers on free loopback addresses, and waiting on a condition with a deadline."""
