"""What tinydeploy claims about speed and size, measured anew by one command."""
