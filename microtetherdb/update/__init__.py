"""MongoDB's update operators on one document."""
