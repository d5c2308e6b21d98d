"""What a member does when its server ends: the web hosts hold statements until another one is writable."""
