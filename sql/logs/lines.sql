-- Lines of one service in Supabase's logs, newest first: ClickHouse, one table. `{wanted}` and `{like}` are ours.
select timestamp, event_message{wanted} from logs where source = '{source}'{like} order by timestamp desc limit {most}
