"""The waiting room (排队大厅): a place for each person, let in at a rate that the city sets."""
