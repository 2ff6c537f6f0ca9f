"""Who proposes the component masks of an image (paper 3.1), and the rules after it."""
