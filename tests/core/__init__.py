"""The rules, proven sentence by sentence and by laws."""
