// Tells Signalbox what happens to its incidents in ServiceNow. To install it:
//
// 1. System Properties, two new ones: x_signalbox.url, the address below, and
//    x_signalbox.secret (type password2), the secret of webhook_secrets.
//       SIGNALBOX_WEBHOOK
// 2. System Definition, Business Rules, New. Table: Incident. Advanced. When: async.
//    Insert, Update and Delete. Filter condition: Correlation ID, starts with,
//    signalbox/. Script: the function below. Another of the same script for the table
//    Change Request, without a condition, tells of changes, and one for the table
//    Problem, with the condition, of problems.
//
// It sends as text what it finds in the record, and which fields an update changed.
(function executeRule(current, previous) {
	var fields = ['sys_id', 'number', 'correlation_id', 'state', 'impact', 'urgency', 'priority', 'close_code', 'close_notes', 'hold_reason', 'reopened_time',
		'sys_updated_on', 'sys_updated_by', 'sys_mod_count'];
	var people = ['assigned_to', 'assignment_group'];
	if (current.getTableName() === 'change_request') {
		fields = fields.concat(['short_description', 'description', 'type', 'start_date', 'end_date', 'work_start', 'work_end']);
		people = people.concat(['cmdb_ci', 'requested_by', 'risk']);
	} else if (current.getTableName() === 'problem') {
		fields = fields.concat(['cause_notes', 'workaround', 'known_error', 'resolution_code']);
	}
	var watched = ['state', 'priority', 'hold_reason', 'close_code', 'correlation_display', 'assigned_to', 'assignment_group', 'cause_notes', 'workaround', 'known_error', 'resolution_code'];

	var body = {table: current.getTableName(), operation: String(current.operation()), user: gs.getUserDisplayName(), changed: [], previous: {}, record: {}};
	body.url = gs.getProperty('glide.servlet.uri') + 'nav_to.do?uri=' + encodeURIComponent(current.getTableName() + '.do?sys_id=' + current.getUniqueValue());
	fields.forEach(function (f) { body.record[f] = String(current.getValue(f) || ''); });
	people.forEach(function (f) { body.record[f] = String(current.getDisplayValue(f) || ''); });
	if (current.isValidField('assigned_to') && !current.assigned_to.nil()) {
		body.record['assigned_to.email'] = String(current.assigned_to.email || '');
		body.record['assigned_to.user_name'] = String(current.assigned_to.user_name || '');
	}
	if (previous) {
		watched.forEach(function (f) {
			if (String(current.getValue(f) || '') !== String(previous.getValue(f) || '')) {
				body.changed.push(f);
				body.previous[f] = String(previous.getValue(f) || '');
			}
		});
	}
	// An asynchronous rule no longer sees what was typed: the newest entry of this change is read.
	var entry = new GlideRecord('sys_journal_field');
	entry.addQuery('element_id', current.getUniqueValue());
	entry.addQuery('element', 'IN', 'work_notes,comments');
	entry.addQuery('sys_created_on', '>=', current.getValue('sys_updated_on'));
	entry.orderByDesc('sys_created_on');
	entry.setLimit(1);
	entry.query();
	if (entry.next()) {
		body.changed.push(entry.getValue('element'));
		body.note = {id: entry.getUniqueValue(), text: entry.getValue('value')};
	}

	var message = new sn_ws.RESTMessageV2();
	message.setEndpoint(gs.getProperty('x_signalbox.url'));
	message.setHttpMethod('post');
	message.setRequestHeader('Content-Type', 'application/json');
	message.setRequestHeader('Authorization', 'Bearer ' + gs.getProperty('x_signalbox.secret'));
	message.setRequestBody(JSON.stringify(body));
	var answer = message.execute();
	if (answer.getStatusCode() >= 300) {
		gs.error('Signalbox answered ' + answer.getStatusCode() + ' for ' + current.getValue('number') + '; the poll (poll_every) or the next change brings it');
	}
})(current, previous);
