"""What an image looks like to frozen networks: the backbone, its pyramid, visual words."""
