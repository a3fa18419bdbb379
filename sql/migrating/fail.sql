update ilab.migrations set state = 'failed', error = %(error)s, at = %(at)s where name = %(name)s;
