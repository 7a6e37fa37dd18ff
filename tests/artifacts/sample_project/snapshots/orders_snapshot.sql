{% snapshot orders_snapshot %}
{{ config(target_schema='history', unique_key='id', strategy='check', check_cols=['amount']) }}
select * from {{ source('raw', 'orders') }}
{% endsnapshot %}
