{{ config(materialized='table', alias='dim_customers', meta={'openmetadata': {'owner': 'ann@example.com', 'tier': 'Tier.Tier2', 'tags': ['PII.None'], 'glossary': ['Shop.Customer'], 'domain': 'Sales'}}) }}
select distinct customer from {{ ref('stg_orders') }} where customer is not null
