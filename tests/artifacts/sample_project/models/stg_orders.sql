{{ config(materialized='ephemeral') }}
select id, customer, amount from {{ source('raw', 'orders') }}
