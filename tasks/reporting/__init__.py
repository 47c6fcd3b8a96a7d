"""What a person sees of a night: charts, the page and the artifacts; frames in, text out."""
