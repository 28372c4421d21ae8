-- Close a rehearsal's staff account; its login ends with it.  $1 staff_id bigint
UPDATE staff SET status = 'closed' WHERE staff_id = $1
