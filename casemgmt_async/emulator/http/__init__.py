"""The emulator's HTTP side: listening, routing, writing answers, and breaking them on purpose."""
