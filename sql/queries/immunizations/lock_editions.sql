-- One publisher at a time: what is the newest edition stays so until the transaction ends.
LOCK TABLE programme_editions IN SHARE ROW EXCLUSIVE MODE
