"""What netcost says and reads: messages, names, numbers, tables, files. No torch."""
